"""Words that nearly every question has, whatever it is about: they hardly count when questions are compared.

English and Russian as whole words; in languages written without spaces, or with endings, as pieces.
"""

from typing import Final

WORDS: Final = """
a an the i me my we us our you your he she it its they them this that these those is are am be was were do
does did have has had can could will would should may must shall to of in on at by for from with about into
and or but not no if then so as what which who whom whose when where why how there here please hello hi hey
thanks thank want need like tell know let get got just any some t s m re ve ll d don now
а и но или да нет не ни я мы ты вы он она оно они меня мне мной нас нам тебя тебе вас вам его ее их им мой
моя мое мои моего моих моими моем наш ваш ваша ваши свой этот эта это эти тот та то те в во на с со к ко по
из за от до у о об для при над под через без же ли бы что чего чем чему кто кого как какой какая какое какие
каким какую где куда откуда когда почему зачем сколько можно нужно надо хочу хотел хотела могу может есть
быть был была было были будет делать сделать пожалуйста подскажите скажите здравствуйте привет спасибо если
так там тут здесь уже еще вот только очень
"""

PIECES: Final = """
อย่างไร ยังไง หรือเปล่า หรือไม่ ได้ไหม ไหม ได้มั้ย มั้ย ครับ ค่ะ คะ นะคะ หน่อย ที่ไหน ตรงไหน ทางไหน อะไร
เมื่อไหร่ เมื่อไร เท่าไหร่ เท่าไร กี่ ทำไม ต้องทำ ต้องการ ต้อง อยาก ช่วย ขอบคุณ สวัสดี ผม ฉัน ดิฉัน คุณ บ้าง แล้ว
ด้วย ได้ ไม่ ให้ และ ที่ ของ ขอ มี เป็น
어떻게 어디에서 어디서 어디에 어디 언제 무엇 뭐가 뭐 얼마나 왜 누가 누구 어떤 어때 되나요 하나요 인가요 있나요 한가요
할까요 하나 있어요 없어요 해요 해야 하려면 되요 돼요 될까요 싶어요 싶습니다 하고 알려주세요 알려 주세요 해주세요 입니까
습니까 합니까 수 좀 제 저 안 나요 세요 까요 어요 아요 예요 이에요 에요
どうすれば どうやって どこ いつ なに 何 ですか ますか ください いい できますか したい です ます 教えて
怎么 怎样 如何 什么 哪里 哪儿 什么时候 请问 请 吗 呢 我想 我要 可以 能不能 是否 多少 为什么 谢谢
"""
